"""The way of a message: from HTTP to a route, to the partner, and back."""
