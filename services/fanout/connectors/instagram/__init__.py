"""Instagram: posts with pictures, by the content publishing API."""
