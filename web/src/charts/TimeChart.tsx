/**
 * A picture over time: bars that stack, or lines. Read by eye, by pointer, by arrow keys, and as a
 * table. It draws plain SVG: no library, and nothing that a strict Content-Security-Policy refuses.
 *
 * To add a kind: a function beside `Bars` and `Lines` that draws the points into the frame.
 */
import { useId, useState, type KeyboardEvent, type PointerEvent } from 'react';
import { labelEvery, ticks as roundTicks } from './scale';
import { useWidth } from './useWidth';

export interface Series {
  key: string;
  label: string;
  /** Colour as classes: of the swatch, the bar and the line. */
  swatch: string;
  fill: string;
  stroke: string;
}

export interface Point {
  /** What stands below the axis; short. */
  label: string;
  /** When it was, in full. */
  title: string;
  /** By the series' keys; a line has a gap where one is missing. */
  values: Record<string, number | undefined>;
}

interface Props {
  kind: 'bars' | 'lines';
  /** What it shows, for those who do not see it. */
  label: string;
  series: Series[];
  points: Point[];
  format: (value: number) => string;
  /** Where the lines of the grid are; round numbers when left out. */
  axis?: (max: number) => number[];
  height?: number;
}

const LEFT = 52;
const RIGHT = 8;
const TOP = 10;
const BOTTOM = 22;
const LABEL_PX = 64;

export function TimeChart({ kind, label, series, points, format, axis = roundTicks, height = 220 }: Props) {
  const [ref, width] = useWidth<HTMLDivElement>();
  const [at, setAt] = useState<number | null>(null);
  const id = useId();

  const inner = Math.max(0, width - LEFT - RIGHT);
  const step = points.length ? inner / points.length : 0;
  const total = (point: Point) => series.reduce((sum, one) => sum + (point.values[one.key] ?? 0), 0);
  const highest = (point: Point) => Math.max(0, ...series.map((one) => point.values[one.key] ?? 0));
  const max = Math.max(0, ...points.map(kind === 'bars' ? total : highest));
  const marks = axis(max);
  const top = marks.at(-1) ?? 1;
  const frame: Frame = {
    x: (index) => LEFT + step * index,
    y: (value) => TOP + (1 - value / top) * (height - TOP - BOTTOM),
    step,
    base: height - BOTTOM,
  };
  const every = labelEvery(points.length, LABEL_PX, inner);
  // Counted from the right, so that now has a label.
  const isLabelled = (index: number) => (points.length - 1 - index) % every === 0;

  const look = (event: PointerEvent<HTMLDivElement>) => {
    const left = event.currentTarget.getBoundingClientRect().left;
    const index = Math.floor((event.clientX - left - LEFT) / step);
    setAt(index >= 0 && index < points.length ? index : null);
  };
  const walk = (event: KeyboardEvent) => {
    const last = points.length - 1;
    const from = at ?? (event.key === 'ArrowLeft' ? last + 1 : -1);
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: last }[event.key];
    if (event.key === 'Escape') return setAt(null);
    if (to === undefined) return;
    event.preventDefault();
    setAt(Math.min(last, Math.max(0, to)));
  };

  const shown = at === null ? undefined : points[at];
  return (
    <div>
      <div
        ref={ref}
        className="relative rounded-md"
        tabIndex={0}
        role="group"
        aria-label={`${label}. Arrow keys read it point by point; the table below has all of it.`}
        aria-describedby={shown ? id : undefined}
        onPointerMove={look}
        onPointerLeave={() => setAt(null)}
        onKeyDown={walk}
        onBlur={() => setAt(null)}
        style={{ height }}
      >
        {width > 0 && (
          <svg width={width} height={height} aria-hidden="true" className="block select-none">
            {marks.map((mark) => (
              <g key={mark}>
                <line x1={LEFT} x2={width - RIGHT} y1={frame.y(mark)} y2={frame.y(mark)} className="stroke-line" />
                <text x={LEFT - 8} y={frame.y(mark)} dy="0.32em" textAnchor="end" className="fill-faint text-2xs tabular">
                  {format(mark)}
                </text>
              </g>
            ))}
            {at !== null && (
              <rect x={frame.x(at)} width={step} y={TOP} height={frame.base - TOP} className="fill-hover" />
            )}
            {kind === 'bars' ? (
              <Bars series={series} points={points} frame={frame} />
            ) : (
              <Lines series={series} points={points} frame={frame} at={at} />
            )}
            {points.map((point, index) =>
              isLabelled(index) ? (
                <text
                  key={index}
                  x={Math.min(Math.max(frame.x(index) + step / 2, LEFT + 12), width - RIGHT - 16)}
                  y={height - 6}
                  textAnchor="middle"
                  className="fill-faint text-2xs tabular"
                >
                  {point.label}
                </text>
              ) : null,
            )}
          </svg>
        )}
        {shown && at !== null && (
          <div
            id={id}
            role="status"
            className="pointer-events-none absolute top-1 z-10 min-w-40 rounded-lg border border-line bg-raised px-3 py-2 text-xs shadow-pop"
            style={
              frame.x(at) > width / 2
                ? { right: width - frame.x(at) + 8 }
                : { left: frame.x(at) + step + 8 }
            }
          >
            <div className="mb-1 font-medium whitespace-nowrap">{shown.title}</div>
            {series.map((one) => {
              const value = shown.values[one.key];
              return (
                <div key={one.key} className="flex items-center gap-2 whitespace-nowrap">
                  <span className={`size-2 rounded-[2px] ${one.swatch}`} />
                  <span className="text-muted">{one.label}</span>
                  <span className="ml-auto pl-4 tabular">{value === undefined ? '–' : format(value)}</span>
                </div>
              );
            })}
          </div>
        )}
      </div>
      <Legend series={series} />
      <DataTable label={label} series={series} points={points} format={format} />
    </div>
  );
}

interface Frame {
  x: (index: number) => number;
  y: (value: number) => number;
  step: number;
  base: number;
}

function Bars({ series, points, frame }: { series: Series[]; points: Point[]; frame: Frame }) {
  const gap = Math.min(6, frame.step * 0.25);
  const width = Math.max(1, Math.min(48, frame.step - gap));
  return points.map((point, index) => {
    const x = frame.x(index) + (frame.step - width) / 2;
    let below = 0;
    return (
      <g key={index}>
        {series.map((one) => {
          const value = point.values[one.key] ?? 0;
          if (value <= 0) return null;
          const y = frame.y(below + value);
          // One in ten thousand is still there.
          const height = Math.max(1.5, frame.y(below) - y);
          below += value;
          return <rect key={one.key} x={x} y={y} width={width} height={height} rx={Math.min(2, width / 4)} className={one.fill} />;
        })}
      </g>
    );
  });
}

function Lines({ series, points, frame, at }: { series: Series[]; points: Point[]; frame: Frame; at: number | null }) {
  const x = (index: number) => frame.x(index) + frame.step / 2;
  return series.map((one) => {
    const dots = points.flatMap((point, index) => {
      const value = point.values[one.key];
      return value === undefined ? [] : [{ index, y: frame.y(value) }];
    });
    // Neighbours are joined; over a gap nothing is known.
    const path = dots
      .map(({ index, y }, place) => `${dots[place - 1]?.index === index - 1 ? 'L' : 'M'}${x(index)},${y}`)
      .join('');
    const isAlone = (index: number) =>
      points[index - 1]?.values[one.key] === undefined && points[index + 1]?.values[one.key] === undefined;
    return (
      <g key={one.key}>
        <path d={path} fill="none" className={one.stroke} strokeWidth={1.75} strokeLinejoin="round" strokeLinecap="round" />
        {dots.map(({ index, y }) =>
          index === at || isAlone(index) ? (
            <circle key={index} cx={x(index)} cy={y} r={3} className={one.fill} />
          ) : null,
        )}
      </g>
    );
  });
}

function Legend({ series }: { series: Series[] }) {
  if (series.length < 2) return null;
  return (
    <ul className="mt-2 flex flex-wrap gap-x-4 gap-y-1 pl-13 text-xs text-muted">
      {series.map((one) => (
        <li key={one.key} className="flex items-center gap-1.5">
          <span className={`size-2 rounded-[2px] ${one.swatch}`} aria-hidden="true" />
          {one.label}
        </li>
      ))}
    </ul>
  );
}

function DataTable({ label, series, points, format }: Pick<Props, 'label' | 'series' | 'points' | 'format'>) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details className="mt-2 pl-13 text-xs" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className="w-fit text-muted hover:text-text">As a table</summary>
      {/* Hundreds of rows that nobody looks at cost what those cost that somebody does. */}
      {isOpen && (
        <div className="mt-2 max-h-72 overflow-auto rounded-md border border-line" tabIndex={0} role="region" aria-label={`${label}, as a table`}>
          <table className="w-full border-collapse text-left tabular">
            <thead className="sticky top-0 bg-sunken text-muted">
              <tr>
                <th scope="col" className="px-3 py-1.5 font-medium">
                  When
                </th>
                {series.map((one) => (
                  <th key={one.key} scope="col" className="px-3 py-1.5 text-right font-medium">
                    {one.label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {points.map((point, index) => (
                <tr key={index} className="border-t border-line">
                  <th scope="row" className="px-3 py-1.5 font-normal whitespace-nowrap">
                    {point.title}
                  </th>
                  {series.map((one) => {
                    const value = point.values[one.key];
                    return (
                      <td key={one.key} className="px-3 py-1.5 text-right">
                        {value === undefined ? '–' : format(value)}
                      </td>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}
