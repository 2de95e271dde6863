"""What Threads and Instagram share: a post is made in two steps, a container and its publication."""
