import { Type } from 'typebox';
import { nullable } from '../nullable.ts';

const FindingSchema = Type.Object(
  {
    subject: Type.Union([
      Type.Literal('refs'),
      Type.Literal('rows'),
      Type.Literal('bundles'),
      Type.Literal('routes'),
      Type.Literal('sandboxes'),
    ]),
    app: nullable(Type.String(), 'Name of the app; null where it is of none'),
    message: Type.String({ description: 'Which two things do not agree' }),
    remedy: Type.String({ description: 'A command, or what the platform does by itself' }),
  },
  { title: 'Finding', description: 'Two things that should agree and do not' },
);

export const ConsistencyReportSchema = Type.Object(
  {
    findings: Type.Array(FindingSchema, {
      description: 'Empty when all agree; what is under way at the moment is not told',
    }),
    checked: Type.Object(
      {
        apps: Type.Integer(),
        refs: Type.Integer(),
        deployments: Type.Integer(),
        bundles: Type.Integer(),
        routes: Type.Integer(),
      },
      { description: 'How much was looked at' },
    ),
  },
  {
    title: 'ConsistencyReport',
    description: 'Whether refs, rows, bundles, routes and sandboxes agree',
  },
);
