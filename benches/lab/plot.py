"""A picture of the ratios: one bar a row, its 90 % interval on it, and a line at 1; and curves."""
import math

WIDTH, BAR, LEFT, RIGHT, TOP = 760, 22, 210, 90, 46


def bars(table):
    most = max([1.1] + [line["high"] for line in table])
    scale = (WIDTH - LEFT - RIGHT) / most
    height = TOP + BAR * len(table) + 16
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
             f'<rect width="{WIDTH}" height="{height}" rx="6" fill="#fff"/>',
             '<text x="16" y="24" font-size="14" fill="#111">bowsprit against others on the same core: above 1 it is the faster one</text>']
    for nth, line in enumerate(table):
        top = TOP + BAR * nth
        middle = top + BAR / 2 - 2
        end, low, high = (LEFT + line[key] * scale for key in ("ratio", "low", "high"))
        parts += [f'<text x="{LEFT - 8}" y="{middle + 4}" text-anchor="end" fill="#333">{line["workload"]} : {line["peer"]}</text>',
                  f'<rect x="{LEFT}" y="{top}" width="{end - LEFT:.1f}" height="{BAR - 6}" fill="#2b6cb0"/>',
                  f'<path d="M{low:.1f} {middle}H{high:.1f}" stroke="#f6ad55" stroke-width="3"/>',
                  f'<text x="{max(end, high) + 6:.1f}" y="{middle + 4}" fill="#111">{line["ratio"]:.2f}</text>']
    one = LEFT + scale
    parts.append(f'<path d="M{one:.1f} {TOP - 8}V{height - 12}" stroke="#c53030" stroke-dasharray="4 3"/>')
    return "\n".join(parts + ["</svg>"]) + "\n"


COLOURS = ["#2b6cb0", "#c53030", "#2f855a"]
PANEL, TALL, MARGIN = 360, 240, 56


def curves(panels, what):
    """Panels side by side, each with its curves; both axes logarithmic."""
    width = len(panels) * (PANEL + MARGIN) + MARGIN // 2
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {TALL + 100}" font-family="sans-serif" font-size="11">',
             f'<rect width="{width}" height="{TALL + 100}" rx="6" fill="#fff"/>',
             f'<text x="16" y="22" font-size="14" fill="#111">{what}</text>']
    for nth, name in enumerate(panels[0][2]):
        x = width - 90 * (len(panels[0][2]) - nth)
        parts.append(f'<circle cx="{x}" cy="18" r="4" fill="{COLOURS[nth]}"/><text x="{x + 8}" y="22" fill="#111">{name}</text>')
    for nth, (title, points, series) in enumerate(panels):
        left, top = MARGIN + nth * (PANEL + MARGIN), 44
        every = [value for column in series.values() for value in column]
        low, high = math.floor(math.log10(min(every))), math.ceil(math.log10(max(every)))
        first, last = math.log10(points[0]), math.log10(points[-1])

        def at(point, value):
            return (left + (math.log10(point) - first) / (last - first) * (PANEL - 20),
                    top + TALL - (math.log10(value) - low) / (high - low) * TALL)

        for power in range(low, high + 1):
            _, y = at(points[0], 10 ** power)
            parts += [f'<path d="M{left} {y:.1f}h{PANEL - 20}" stroke="#e2e8f0"/>',
                      f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#333">{short(10 ** power)}</text>']
        for point in points:
            x, _ = at(point, every[0])
            parts.append(f'<text x="{x:.1f}" y="{top + TALL + 16}" text-anchor="middle" fill="#333">{short(point)}</text>')
        parts.append(f'<text x="{left + PANEL / 2}" y="{top + TALL + 38}" text-anchor="middle" fill="#111">{title}</text>')
        for colour, column in zip(COLOURS, series.values()):
            places = [at(*pair) for pair in zip(points, column)]
            line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
    return "\n".join(parts + ["</svg>"]) + "\n"


def short(number):
    for unit, size in (("M", 1 << 20), ("k", 1 << 10)):
        if number >= size and number % size == 0:
            return f"{number // size}{unit}i"
    for unit, size in (("M", 10 ** 6), ("k", 1000)):
        if number >= size:
            return f"{number / size:g}{unit}"
    return f"{number:g}"
