"""Outside calendar systems. The rest of the product knows them only through `protocol`."""
