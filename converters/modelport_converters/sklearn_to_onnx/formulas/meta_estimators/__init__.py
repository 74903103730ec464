"""Formulas of meta-estimators: pipelines, searches, multiclass and multioutput strategies, calibration."""
