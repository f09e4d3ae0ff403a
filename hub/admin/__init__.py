"""The admin listener: the JSON API, its documentation, metrics and health, and who may use them."""
