"""A picture of the ratios: one bar a row, its 90 % interval on it, and a line at 1."""

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
