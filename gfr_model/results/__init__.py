"""Score tables read: statistics, Table 1 in five formats, the page with pictures."""
