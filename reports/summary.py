def markdown(w): return ""
