// Lines and bars by uPlot; the tables beside them have the same figures.

/** Draw all charts, now and whenever the room or the colours change. */
function drawCharts() {
  const told = JSON.parse(document.getElementById("charts").textContent);
  const mounts = [...document.querySelectorAll("[data-chart]")];
  const drawn = mounts.map(() => null);
  const draw = (at) => {
    drawn[at]?.destroy();
    drawn[at] = chart(told[Number(mounts[at].dataset.chart)], mounts[at]);
  };
  const all = () => mounts.forEach((_, at) => draw(at));
  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const at = mounts.indexOf(target);
      if (drawn[at]?.width !== target.clientWidth) draw(at);
    }
  });
  mounts.forEach((mount) => resized.observe(mount));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
  return all;
}

function chart(told, mount) {
  const style = getComputedStyle(mount);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const [text, grid] = [colour("soft"), colour("line")];
  const font = `11px ${style.fontFamily}`;
  const axis = { stroke: text, font, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
  const places = told.labels.map((_, at) => at);
  const near = told.kind === "bars" ? 0.6 : 0.15;
  const options = {
    width: mount.clientWidth,
    height: 150,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: false, range: [-near, Math.max(places.length - 1, 1) + near] },
      y: { range: (_, low, high) => [0, Math.max(high * 1.12, 4)] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 26, gap: 6, space: 58, incrs: [1, 2, 3, 4, 6, 8, 13, 26], values: (_, at) => at.map((i) => told.short[i] ?? "") },
      { ...axis, size: 46, space: 36, values: (_, at) => at.map((n) => (Number.isInteger(n) ? count(n) : "")) },
    ],
    series: [{}, ...told.series.map((line, at) => series(told.kind, line, colour(`chart-${line.colour}`), at))],
  };
  return new uPlot(options, [places, ...told.series.map((line) => line.counts)], mount);
}

function series(kind, line, stroke, at) {
  if (kind === "bars") {
    const paths = uPlot.paths.bars({ size: [0.3, 26, 3], align: at ? 1 : -1, gap: 2 });
    return { label: line.name, stroke, fill: stroke, width: 0, paths, points: { show: false } };
  }
  return { label: line.name, stroke, width: 2, points: { show: true, size: 5, fill: stroke } };
}
