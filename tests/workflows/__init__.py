"""Tests of `care_workflows`: workflows on Temporal servers, activities against real channels."""
