"""The pipeline that the bundled jobs share: generate, deal, preprocess, collect, serve. Runs on the cluster."""
