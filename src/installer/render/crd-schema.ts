/**
 * The custom resources' own schemas, turned into a validator that runs before anything is sent. Kubernetes' structural
 * schemas are JSON Schema with rules of their own: a field that the schema does not name is silently dropped by the API
 * server; here it is an error, because it is nearly always a misspelt one. CEL rules (x-kubernetes-validations) are left
 * to the API server's dry run.
 */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';

export interface CustomKind {
  readonly apiVersion: string;
  readonly kind: string;
  readonly validate: ValidateFunction;
}

/** One validator for every served version of every definition. Throws on a definition that is not one. */
export function compileKinds(definitions: readonly unknown[]): readonly CustomKind[] {
  const ajv = new Ajv({ allErrors: true, strict: false, verbose: true, validateFormats: true });
  // The formats that Kubernetes checks; any other is an annotation, as it is there.
  ajv.addFormat('int32', {
    type: 'number',
    validate: (value) => Number.isInteger(value) && Math.abs(value) <= 2 ** 31,
  });
  ajv.addFormat('int64', { type: 'number', validate: (value) => Number.isInteger(value) });
  ajv.addFormat('date-time', { type: 'string', validate: (value) => !Number.isNaN(Date.parse(value)) });
  return definitions.flatMap((definition) => {
    const spec = recordOf(recordOf(definition)['spec']);
    const group = String(spec['group']);
    const kind = String(recordOf(spec['names'])['kind']);
    const versions = Array.isArray(spec['versions']) ? spec['versions'].map(recordOf) : [];
    if (versions.length === 0) throw new Error(`${kind} is not a CustomResourceDefinition`);
    return versions
      .filter((version) => version['served'] === true)
      .map((version) => ({
        apiVersion: `${group}/${String(version['name'])}`,
        kind,
        validate: ajv.compile(closedSchema(recordOf(recordOf(version['schema'])['openAPIV3Schema']), 'object')),
      }));
  });
}

/** The schema with every object closed to fields that it does not name. `place`: 'object' is the outermost. */
function closedSchema(schema: Record<string, unknown>, place: 'object' | 'inner'): Record<string, unknown> {
  const { properties, items, additionalProperties, nullable, 'x-kubernetes-list-type': listType, ...rest } = schema;
  const closed: Record<string, unknown> = { ...rest };
  if (listType === 'set') closed['uniqueItems'] = true;
  if (items !== undefined) closed['items'] = closedSchema(recordOf(items), 'inner');
  if (properties !== undefined) {
    const entries = Object.entries(recordOf(properties)).map(([name, property]) => {
      // metadata is checked by the API server; its schema here says nothing.
      const isOpen = place === 'object' && name === 'metadata';
      return [name, isOpen ? { type: 'object' } : closedSchema(recordOf(property), 'inner')] as const;
    });
    closed['properties'] = Object.fromEntries(entries);
  }
  if (additionalProperties !== undefined) {
    closed['additionalProperties'] =
      typeof additionalProperties === 'boolean'
        ? additionalProperties
        : closedSchema(recordOf(additionalProperties), 'inner');
  } else if (properties !== undefined && schema['x-kubernetes-preserve-unknown-fields'] !== true) {
    closed['additionalProperties'] = false;
  }
  if (schema['x-kubernetes-int-or-string'] === true) closed['type'] = ['integer', 'string'];
  if (nullable === true && typeof closed['type'] === 'string') closed['type'] = [closed['type'], 'null'];
  return closed;
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** One fault of an object: the keys and indexes that lead to it, and what is wrong there. */
export interface SchemaFault {
  readonly path: readonly (string | number)[];
  readonly message: string;
  /** For a field that there is not: its name, and those there are. */
  readonly unknownField?: { readonly name: string; readonly known: readonly string[] };
}

/** All faults, those of one place once. */
export function schemaFaults(kind: CustomKind, object: unknown): readonly SchemaFault[] {
  if (kind.validate(object)) return [];
  return (kind.validate.errors ?? []).map(schemaFault);
}

function schemaFault(error: ErrorObject): SchemaFault {
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^[0-9]+$/.test(part) ? Number(part) : part));
  if (error.keyword === 'additionalProperties') {
    const name = String(error.params['additionalProperty']);
    const known = Object.keys(recordOf(recordOf(error.parentSchema)['properties']));
    return { path: [...path, name], message: 'there is no such field', unknownField: { name, known } };
  }
  if (error.keyword === 'required') {
    return { path, message: `the field "${String(error.params['missingProperty'])}" is missing` };
  }
  const value = JSON.stringify(error.data);
  if (error.keyword === 'enum') {
    return { path, message: `${value} must be one of ${(error.params['allowedValues'] as unknown[]).join(', ')}` };
  }
  return { path, message: `${value} ${error.message ?? 'is not valid'}` };
}

/** ["spec", "addresses", 0] → "spec.addresses[0]" */
export function formatPath(path: readonly (string | number)[]): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${part}`))
    .join('');
}
