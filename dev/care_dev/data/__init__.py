"""The reviews of the demo, invented, in the JSON form of the Google Business Profile API."""
