def render(w): return ""
