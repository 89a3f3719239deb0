"""Every table of the book."""

from visprof.tables.planes import plane_quality
from visprof.tables.style import table

__all__ = ["plane_quality", "table"]
