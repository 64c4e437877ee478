export interface Bar {
  name: string;
  value: number;
  /** Smallest and largest of the rounds. */
  low: number;
  high: number;
}

export interface BarChart {
  title: string;
  /** Below the bars: when and on what it was measured. */
  conditions: string;
  /** Of all values. */
  unit: string;
  bars: readonly Bar[];
}

const WIDTH = 760;
const NAMES_WIDTH = 230;
const VALUES_WIDTH = 170;
const BARS_WIDTH = WIDTH - NAMES_WIDTH - VALUES_WIDTH;
const ROW_HEIGHT = 28;
const BAR_HEIGHT = 16;
const HEAD_HEIGHT = 44;
const FOOT_HEIGHT = 32;

/** Colours that read on white and on black; the text takes the one of the reader's scheme. */
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 15px }
  .small { font-size: 11px; fill: #59636e }
  .bar { fill: #8c959f }
  .ours { fill: #2f81f7 }
  .spread { stroke: #1f2328; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .small { fill: #9198a1 }
    .spread { stroke: #e6edf3 }
  }
`;

/** An SVG of horizontal bars, each with the spread of its rounds as a line. */
export function barChart({ title, conditions, unit, bars }: BarChart): string {
  const scale = BARS_WIDTH / Math.max(...bars.map(({ high }) => high));
  const height = HEAD_HEIGHT + bars.length * ROW_HEIGHT + FOOT_HEIGHT;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img">
<title>${escape(title)}</title>
<style>${STYLE}</style>
<text class="title" x="8" y="24">${escape(`${title}, ${unit}`)}</text>
${bars.map((bar, index) => barOf(bar, { y: HEAD_HEIGHT + index * ROW_HEIGHT, scale })).join('\n')}
<text class="small" x="8" y="${height - 10}">${escape(conditions)}</text>
</svg>
`;
}

function barOf(bar: Bar, at: { y: number; scale: number }): string {
  const middle = at.y + BAR_HEIGHT / 2;
  const x = (value: number): string => (NAMES_WIDTH + value * at.scale).toFixed(1);
  const kind = bar.name.startsWith('gitfn') ? 'bar ours' : 'bar';
  const spread = `${format(bar.low)}–${format(bar.high)}`;
  return `<text x="${NAMES_WIDTH - 8}" y="${middle + 4}" text-anchor="end">${escape(bar.name)}</text>
<rect class="${kind}" x="${NAMES_WIDTH}" y="${at.y}" width="${(bar.value * at.scale).toFixed(1)}" height="${BAR_HEIGHT}"/>
<line class="spread" x1="${x(bar.low)}" x2="${x(bar.high)}" y1="${middle}" y2="${middle}"/>
<text x="${NAMES_WIDTH + BARS_WIDTH + 8}" y="${middle + 4}">${format(bar.value)} <tspan class="small">(${spread})</tspan></text>`;
}

function format(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(2);
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
