"""The local review site: a development page that shows reviews and their replies as the public would see them."""
