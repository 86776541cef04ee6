// Dashboards under the types that Grafana's own code is written against: `types.mjs WORK FOLDER...`, where WORK has the
// packages. Every board is written as TypeScript there and checked; a key or value that the types do not have is told.

import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [work, ...folders] = process.argv.slice(2);

// Folders of the types by kind of panel.
const KINDS = { stat: 'stat', timeseries: 'timeseries', 'state-timeline': 'statetimeline', heatmap: 'heatmap', table: 'table' };

const HEAD = [
    "import type { Dashboard } from '@grafana/schema';",
    ...Object.values(KINDS).map(
        (kind) => `import type * as ${kind} from './node_modules/@grafana/schema/dist/types/raw/composable/${kind}/panelcfg/x/types.gen';`,
    ),
    // Enums are known by their texts in JSON.
    'type Loose<T> = T extends string ? T | `${T}` : T extends (infer E)[] ? Loose<E>[]',
    '    : T extends object ? { [K in keyof T]: Loose<T[K]> } : T;',
    'type Whole = Loose<Dashboard>;',
    "type Annotation = NonNullable<NonNullable<Whole['annotations']>['list']>[number];",
    // What the data source of Prometheus reads of an annotation, beside what all data sources have.
    'type OfPrometheus = { expr?: string; step?: string; titleFormat?: string; tagKeys?: string; textFormat?: string; useValueForTime?: boolean };',
    "type Board = Omit<Whole, 'annotations'> & { annotations: { list: (Annotation & OfPrometheus)[] } };",
    // Grafana 11 has the paging of a table there; later ones take it over when they load a board.
    'type Footer = { footer: { show: boolean; reducer: string[]; countRows: boolean; fields: string; enablePagination: boolean } };',
];

function written(board, number) {
    const lines = [`export const board${number}: Board = ${JSON.stringify(board, null, 1)};`];
    for (const panel of board.panels.filter((panel) => panel.type !== 'row')) {
        const kind = KINDS[panel.type] ?? `unknown_kind_${panel.type}`;
        const more = panel.type === 'table' ? ' & Footer' : '';
        const options = JSON.stringify(panel.options, null, 1);
        lines.push(`export const options${number}_${panel.id}: Loose<${kind}.Options>${more} = ${options};`);
        if (panel.type !== 'stat') {
            const custom = JSON.stringify(panel.fieldConfig.defaults.custom, null, 1);
            lines.push(`export const custom${number}_${panel.id}: Loose<Partial<${kind}.FieldConfig>> = ${custom};`);
        }
    }
    return lines;
}

function check(boards) {
    const file = join(work, 'boards.ts');
    writeFileSync(file, [...HEAD, ...boards.flatMap(written)].join('\n'));
    const compiler = join(work, 'node_modules/typescript/bin/tsc');
    const options = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'nodenext'];
    const ended = spawnSync(process.execPath, [compiler, ...options, file], { encoding: 'utf8' });
    return { well: ended.status === 0, words: ended.stdout + ended.stderr };
}

const boards = folders.flatMap((folder) =>
    readdirSync(folder).filter((name) => name.endsWith('.json')).map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8'))),
);
if (boards.length === 0) {
    console.error('there are no dashboards to check');
    process.exit(1);
}
const seen = check(boards);
if (!seen.well) {
    console.error(seen.words);
    process.exit(1);
}
// A check that nothing fails would hold nothing: one key that is not there, one value of a wrong type.
const [first] = structuredClone(boards);
first.panels.find((panel) => panel.type === 'timeseries').options.legend.shown = true;
first.schemaVersion = 'newest';
const spoiled = check([first]);
if (!spoiled.words.includes('"shown"') || !spoiled.words.includes("not assignable to type 'number'")) {
    console.error(`mistakes are not seen:\n${spoiled.words}`);
    process.exit(1);
}
console.log(`${boards.length} dashboards are as the types of Grafana have them`);
