def measure_rivals(plan):
    return ""
