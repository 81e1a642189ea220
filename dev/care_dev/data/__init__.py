"""The invented reviews of the demo, in the JSON format of the Google Business Profile API."""
