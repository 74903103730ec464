"""An HTML page, read with Python's own parser: elements, tables, and whether it is well formed."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "hr", "img", "input"}


@dataclass
class PageTable:
    """A table: its caption, the titles of its columns, and its rows as (text, data-value) of each cell."""

    caption: str = ""
    columns: list[str] = field(default_factory=list)
    rows: list[list[tuple[str, str | None]]] = field(default_factory=list)

    def column(self, title: str) -> list[tuple[str, str | None]]:
        """Return the cells below a title."""
        return [row[self.columns.index(title)] for row in self.rows]


class PageReader(HTMLParser):
    """Reads a page at once; the attributes hold what was found."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[PageTable] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def attributes(self, name: str) -> list[str]:
        """Return the values of an attribute wherever it occurs."""
        return [attributes[name] or "" for _, attributes in self.elements if name in attributes]

    def text_in(self, tag: str) -> list[str]:
        """Return the texts directly inside elements of a kind."""
        return [text.strip() for inside, text in self.texts if inside == tag and text.strip()]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append(PageTable())
        elif tag == "tr" and "tbody" in self.open:
            self.tables[-1].rows.append([])
        elif tag in ("td", "th") and "tbody" in self.open:
            self.tables[-1].rows[-1].append(("", dict(attrs).get("data-value")))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> without a beginning"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open:
            assert not data.strip()
            return
        self.texts.append((self.open[-1], data))
        if "caption" in self.open:
            self.tables[-1].caption += data
        elif self.open[-1] == "th" and "thead" in self.open:
            self.tables[-1].columns.append(data)
        elif self.open[-1] in ("td", "th") and "tbody" in self.open:
            text, value = self.tables[-1].rows[-1][-1]
            self.tables[-1].rows[-1][-1] = (text + data, value)
