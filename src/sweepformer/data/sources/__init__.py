"""Where rows come from, one kind of source a file. Each is a `sweepformer.data.rows.Source`."""
