"""From examined faces to pairs: guides, targets, splits, the tables."""
