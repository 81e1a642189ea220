"""The invented reviews of the demo, and the parser of their format: the JSON of the Google Business Profile API."""
