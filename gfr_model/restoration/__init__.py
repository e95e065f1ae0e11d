"""One whole photograph, or an album: its face found, the best guide chosen, restored, blended back."""
