/** The page's one style sheet. */
import { type Colour, palette } from "./palette.ts";

function variables(theme: Readonly<Record<Colour, string>>): string {
  return Object.entries(theme)
    .map(([name, value]) => `--${name}:${value};`)
    .join("");
}

export const style = `:root{color-scheme:light dark;${variables(palette.light)}--cell:.8125rem}
@media (prefers-color-scheme:dark){:root{${variables(palette.dark)}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--ground);color:var(--text);font:.9375rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
header,main,footer{max-width:68rem;margin:0 auto;padding:0 1rem}
header{padding-top:1.5rem}
footer{padding-top:1rem;padding-bottom:2.5rem;color:var(--quiet);font-size:.8125rem}
h1,h2,h3{line-height:1.25;font-weight:600;margin:0}
h1{font-size:1.375rem}
h2{font-size:1.1875rem;margin-top:2.25rem;padding-top:.875rem;border-top:2px solid var(--text)}
h3{font-size:.9375rem;margin:1.75rem 0 .5rem}
h2 .quiet{font-weight:400;font-size:.9375rem}
p{margin:.375rem 0;max-width:42rem}
a{color:var(--link);text-underline-offset:.15em}
:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:2px}
h2:focus{outline:none}
.skip{position:absolute;left:-100vw}
.skip:focus{position:static}
code{font:.875em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.quiet,caption{color:var(--quiet)}
.good{color:var(--good)}.warn{color:var(--warn)}.bad,.over{color:var(--bad)}
.tag{font-size:.75em;font-weight:600;text-transform:uppercase;letter-spacing:.04em}
.verdict{font-size:1.0625rem;font-weight:600;margin:.5rem 0 .25rem}
#stale{border:2px solid var(--bad);padding:.5rem .75rem;margin:.75rem 0}
nav ul{display:flex;flex-wrap:wrap;gap:0 1.25rem;list-style:none;padding:0;margin:.75rem 0 0}
nav a{display:inline-block;padding:.375rem 0}
.findings{list-style:none;padding:0;margin:.5rem 0 0}
.findings li{border-left:4px solid var(--warn);background:var(--panel);padding:.5rem .75rem;margin:.5rem 0}
.findings li.error{border-left-color:var(--bad)}
.findings p{margin:.125rem 0;max-width:56rem}
.findings a{white-space:nowrap}
table{border-collapse:collapse}
caption{text-align:left;padding:0 0 .25rem;font-size:.8125rem}
.data{width:100%;max-width:44rem;margin:.5rem 0;font-size:.875rem}
.data th,.data td{text-align:left;vertical-align:top;font-weight:400;padding:.25rem .75rem .25rem 0;border-bottom:1px solid var(--line)}
.data thead th{color:var(--quiet);font-size:.8125rem;border-bottom-color:var(--edge)}
.data th:last-child,.data td:last-child{padding-right:0}
.data td,.data th{overflow-wrap:break-word}
.sources{max-width:none}
.sources tbody th{overflow-wrap:anywhere;min-width:6rem}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:.75rem 1.5rem;margin:.75rem 0 0}
dt{color:var(--quiet);font-size:.8125rem}
dd{margin:0}
.state{font-weight:600}
.cals{display:flex;flex-wrap:wrap;gap:1.25rem 2.25rem;align-items:flex-start}
.cal{border-collapse:separate;border-spacing:3px;font-size:.75rem;line-height:1}
.cal caption{color:var(--text);padding:0 3px .25rem}
.cal th{font-weight:400;color:var(--quiet);padding:0;text-align:center}
.cal tbody th{text-align:right;padding-right:.25rem;white-space:nowrap}
.cal thead th{position:relative;height:1rem;min-width:var(--cell)}
.cal th b{font-weight:400;white-space:nowrap}
.cal caption b{font-weight:600}
.cal caption{line-height:1.35}
.hourly thead b{position:absolute;left:0;bottom:.125rem}
.cal i,.legend i{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.weekly thead th{height:0}
.cal td{position:relative;width:var(--cell);min-width:var(--cell);height:var(--cell);padding:0}
.legend{list-style:none;padding:0;margin:.5rem 0;display:grid;grid-template-columns:repeat(auto-fill,minmax(17rem,1fr));gap:.25rem 1.5rem;font-size:.8125rem}
.legend span{display:inline-block;width:.8125rem;height:.8125rem;vertical-align:-.125rem;margin-right:.25rem;position:relative}
.r,.o,.s,.b,.n,.p{forced-color-adjust:none;border-radius:2px}
.r{background:var(--good)}
.o{border:1px solid var(--good);background:linear-gradient(to top,var(--good) 50%,transparent 50%)}
.s{border:1.5px solid var(--edge)}
.b{background:var(--bad)}
.b::after{content:"";position:absolute;inset:2px;background:linear-gradient(45deg,transparent 42%,var(--ground) 42% 58%,transparent 58%),linear-gradient(-45deg,transparent 42%,var(--ground) 42% 58%,transparent 58%)}
.n{background:linear-gradient(var(--warn),var(--warn)) center/60% 2px no-repeat}
.p{border:1px dotted var(--edge)}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(18rem,100%),1fr));gap:.75rem 2rem;max-width:52rem;margin-top:.5rem}
figure{margin:0}
figcaption{font-size:.8125rem}
figcaption b{font-weight:600}
.now{float:right;font-weight:600}
svg{display:block;width:100%;height:auto;overflow:visible}
.axis{stroke:var(--line);fill:none}
.area{fill:var(--link);opacity:.12}
.line{stroke:var(--link);stroke-width:1.5;fill:none;stroke-linejoin:round}
.dot{fill:var(--link)}
svg text{fill:var(--quiet);font-size:10px}
details{margin:.25rem 0 .75rem;font-size:.875rem}
summary{cursor:pointer;color:var(--link);padding:.25rem 0;width:fit-content}
@media (max-width:34rem){.facts{grid-template-columns:1fr 1fr;gap:.625rem 1rem}:root{--cell:.5625rem}.cal{border-spacing:2px}.cals{gap:1rem 1.75rem}.data th,.data td{padding-right:.5rem}.data{font-size:.8125rem}.daily,.monthly,.weekly,.yearly{--cell:.8125rem}}
@media print{details:not([open])>*{display:none}nav{display:none}h2{break-after:avoid}}
`;
