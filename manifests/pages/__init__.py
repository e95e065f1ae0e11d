"""Report pages: one frame, one style sheet, charts."""
