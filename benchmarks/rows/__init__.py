"""The measurements, one module per group of rows."""
