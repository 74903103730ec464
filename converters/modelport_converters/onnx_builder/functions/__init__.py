"""NumPy's and SciPy's functions over the values of a graph, in one flat namespace as NumPy's."""

from modelport_converters.onnx_builder.functions.control_flow import *  # noqa: F403
from modelport_converters.onnx_builder.functions.elementwise import *  # noqa: F403
from modelport_converters.onnx_builder.functions.indexing import *  # noqa: F403
from modelport_converters.onnx_builder.functions.manipulation import *  # noqa: F403
from modelport_converters.onnx_builder.functions.reduction import *  # noqa: F403
