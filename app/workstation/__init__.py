"""The workstation: window, views, steps, tools, jobs."""
