"""What a worker does with a shard of photographs, and the rows that it leaves."""
