"""An invented person: identity, head, skin, expression."""
