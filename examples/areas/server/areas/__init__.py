"""Areas: a small map service. Not a package; run uvicorn in the folder above."""
