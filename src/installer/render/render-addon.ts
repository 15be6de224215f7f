/**
 * AddonPlan + templates → the custom resources and the chart's values, checked before they leave. Pure: the texts of
 * templates and schemas are handed in. All faults of a template come back together, each with the template's line; where
 * the line that came out says more than the template's, it is quoted.
 */
import { type Ajv, type ErrorObject, Ajv as JsonSchema } from 'ajv';
import { parseDocument } from 'yaml';
import { InstallError } from '../errors.ts';
import type { KubeObject } from '../kube-object.ts';
import type { AddonPlan } from '../plan/addon-plan.ts';
import { type CustomKind, formatPath } from './crd-schema.ts';
import { type RenderFault, readObjects } from './read-objects.ts';
import { type RenderedText, renderTemplate, TemplateError } from './template.ts';
import { resourcesContext, valuesContext } from './template-context.ts';

const STEP = 'render the templates';

/** A template and what to call it in messages: a path that the user can open. */
export interface TemplateText {
  readonly label: string;
  readonly text: string;
}

export interface RenderedAddon {
  /** The custom resources, in the template's order. */
  readonly objects: readonly KubeObject[];
  /** The same as text, for people. */
  readonly resourcesText: string;
  /** The chart's values. */
  readonly valuesText: string;
}

export interface RenderInput {
  readonly plan: AddonPlan;
  /** Of the image that is loaded from an archive. */
  readonly imageDigest?: string;
  /** layer2.yaml.hbs, bgp.yaml.hbs or calico.yaml.hbs, as the plan's protocol says. */
  readonly resources: TemplateText;
  readonly values: TemplateText;
  readonly kinds: readonly CustomKind[];
  /** The chart's values.schema.json, where it has one. */
  readonly valuesSchema?: object;
}

/** Throws InstallError of kind 'template'. */
export function renderAddon(input: RenderInput): RenderedAddon {
  const resources = fill(input.resources, resourcesContext(input.plan));
  const { objects, faults } = readObjects(resources.text, input.kinds);
  if (faults.length > 0) throw faultyTemplate(input.resources.label, resources, faults);
  if (objects.length === 0) {
    const nothing = { line: 1, message: 'the template gives no object at all' };
    throw faultyTemplate(input.resources.label, resources, [nothing]);
  }
  const values = fill(input.values, valuesContext(input.plan, input.imageDigest));
  const valueFaults = checkValues(values.text, input.valuesSchema);
  if (valueFaults.length > 0) throw faultyTemplate(input.values.label, values, valueFaults);
  return { objects, resourcesText: resources.text, valuesText: values.text };
}

function fill(template: TemplateText, context: object): RenderedText {
  try {
    return renderTemplate(template.text, context);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new InstallError({
      kind: 'template',
      step: STEP,
      problem: `${template.label}:${error.line}: ${error.message}`,
      hint: HINT,
      cause: error,
    });
  }
}

const HINT =
  'mend the template at that line; `git diff roles/` shows what was edited, `git checkout` brings the original back';

function faultyTemplate(label: string, rendered: RenderedText, faults: readonly RenderFault[]): InstallError {
  const lines = rendered.text.split('\n');
  const problems = faults.map(({ line, message }) => {
    const content = (lines[line - 1] ?? '').trim();
    return `${label}:${rendered.templateLines[line - 1] ?? 1}: ${message}${content === '' ? '' : ` (in the line \`${content}\`)`}`;
  });
  return new InstallError({ kind: 'template', step: STEP, problem: [...new Set(problems)], hint: HINT });
}

function checkValues(text: string, schema: object | undefined): readonly RenderFault[] {
  const document = parseDocument(text, { logLevel: 'silent' });
  if (document.errors.length > 0) {
    return document.errors.map((error) => ({
      line: error.linePos?.[0].line ?? 1,
      message: `not well-formed YAML: ${(error.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '')}`,
    }));
  }
  const values: unknown = document.toJS() ?? {};
  if (typeof values !== 'object' || Array.isArray(values)) return [{ line: 1, message: 'the values must be a map' }];
  if (schema === undefined) return [];
  const ajv: Ajv = new JsonSchema({ allErrors: true, strict: false, validateFormats: false });
  const validate = ajv.compile(schema);
  if (validate(values)) return [];
  return (validate.errors ?? []).map((error) => ({ line: lineOfError(text, error), message: describeError(error) }));
}

function describeError(error: ErrorObject): string {
  const path = formatPath(error.instancePath.split('/').slice(1));
  const extra = error.keyword === 'additionalProperties' ? ` ("${String(error.params['additionalProperty'])}")` : '';
  return `${path === '' ? 'the values' : path} ${error.message ?? 'is not valid'}${extra}`;
}

/** The line of the deepest key of the error's path, found key after key from the top. */
function lineOfError(text: string, error: ErrorObject): number {
  const lines = text.split('\n');
  const extra = error.keyword === 'additionalProperties' ? [String(error.params['additionalProperty'])] : [];
  let line = 0;
  for (const key of [...error.instancePath.split('/').slice(1), ...extra]) {
    const found = lines.findIndex((content, index) => index >= line && content.trimStart().startsWith(`${key}:`));
    if (found >= 0) line = found;
  }
  return line + 1;
}
