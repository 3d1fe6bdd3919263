"""The table: one row a figure, one column a tool, ratios against this program."""
OURS = "claude-backup"
FLOOR = "floor"


class Report:
    """Figures by day, what was measured, and who it was measured on."""

    def __init__(self, versions):
        self.versions = versions
        self.figures = {}

    @classmethod
    def of_raw(cls, runs):
        """One report of several runs; where two have the same figure, the later one's counts."""
        report = cls({})
        for run in runs:
            report.versions |= run["versions"]
            for row in run["figures"]:
                for who, value in row["figures"].items():
                    report.add(row["day"], row["what"], row["unit"], who, value)
        return report

    def cost(self, day, who, cost, *, peak=False):
        """A command's cost; its peak where that says something."""
        self.add(day, "CPU", "s", who, cost.cpu)
        self.add(day, "wall", "s", who, cost.wall)
        if peak and cost.peak:
            self.add(day, "peak memory", "bytes", who, cost.peak)

    def add(self, day, what, unit, who, value):
        self.figures.setdefault((day, what, unit), {})[who] = value

    def raw(self):
        """Everything as it was measured: seconds and bytes."""
        figures = [{"day": day, "what": what, "unit": unit, "figures": values}
                   for (day, what, unit), values in self.figures.items()]
        return {"versions": self.versions, "figures": figures}

    def table(self):
        columns = [OURS, FLOOR, *(name for name in self.versions if name != OURS)]
        lines = [f"| | | {' | '.join(columns)} |", "|---|---|" + "---:|" * len(columns)]
        last = None
        for (day, what, unit), figures in self.figures.items():
            cells = [self.cell(figures, name, unit) for name in columns]
            lines.append(f"| {day if day != last else ''} | {what} | {' | '.join(cells)} |")
            last = day
        return "\n".join(lines)

    def programs(self):
        return ", ".join(dict.fromkeys(self.versions.values()))

    def cell(self, figures, name, unit):
        """The figure, and how many times ours it is."""
        if name not in figures:
            return "–"
        text = shown(figures[name], unit)
        if name == OURS:
            return f"**{text}**"
        if not figures.get(OURS):
            return text
        return f"{text} ({digits(figures[name] / figures[OURS], 2)}×)"


def shown(value, unit):
    if unit == "s":
        return f"{digits(value, 3)} s" if value >= 1 else f"{digits(value * 1000, 2 if value < 0.1 else 3)} ms"
    for size, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "KB")):
        if value >= size:
            return f"{digits(value / size, 3)} {name}"
    return f"{value:.0f} B"


def digits(value, count):
    """So many significant digits, and never an exponent."""
    if value == 0:
        return "0"
    text = f"{value:.{count}g}"
    return f"{float(text):.0f}" if "e" in text or float(text) >= 10 ** (count - 1) else text
