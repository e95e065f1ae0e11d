"""What a build found: counts, and `report.html`."""
