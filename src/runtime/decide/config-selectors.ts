/** Reads label selectors out of configuration: Kubernetes' own spelling, and the dashed one of the old ConfigMap. */
import type { LabelSelector, LabelSelectorRequirement } from '../model/labels.ts';
import type { Field } from './config-field.ts';

const OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;
type Operator = (typeof OPERATORS)[number];

export type SelectorSpelling = 'camel' | 'dashed';

/** A list of selectors; two that say the same are a fault, because one of them was meant to say something else. */
export function readSelectors(list: Field, spelling: SelectorSpelling = 'camel'): LabelSelector[] {
  const seen = new Set<string>();
  return list.items().map((item) => {
    const selector = readSelector(item, spelling);
    const text = canonicalText(selector);
    if (seen.has(text)) item.invalid('says the same as another selector of this list');
    seen.add(text);
    return selector;
  });
}

function readSelector(field: Field, spelling: SelectorSpelling): LabelSelector {
  const [labelsKey, expressionsKey] =
    spelling === 'camel' ? ['matchLabels', 'matchExpressions'] : ['match-labels', 'match-expressions'];
  field.allowOnly(labelsKey, expressionsKey);
  const matchLabels = field.field(labelsKey);
  const matchExpressions = field.field(expressionsKey);
  return {
    ...(matchLabels.absent ? {} : { matchLabels: matchLabels.labels() }),
    ...(matchExpressions.absent ? {} : { matchExpressions: matchExpressions.items().map(readRequirement) }),
  };
}

function readRequirement(field: Field): LabelSelectorRequirement {
  field.allowOnly('key', 'operator', 'values');
  const key = field.required('key').text();
  const operator = readOperator(field.required('operator'));
  const list = field.field('values');
  const values = list.distinctTexts();
  const takesValues = operator === 'In' || operator === 'NotIn';
  if (takesValues && values.length === 0) list.invalid(`operator ${operator} needs at least one value`);
  if (!takesValues && values.length > 0) list.invalid(`operator ${operator} takes no values`);
  return takesValues ? { key, operator, values } : { key, operator };
}

function readOperator(field: Field): Operator {
  const text = field.text('Exists');
  const operator = OPERATORS.find((known) => known === text);
  if (operator === undefined) field.invalid(`"${text}" is not an operator; there are ${OPERATORS.join(', ')}`);
  return operator ?? 'Exists';
}

function canonicalText(selector: LabelSelector): string {
  const labels = Object.entries(selector.matchLabels ?? {}).sort();
  const terms = (selector.matchExpressions ?? [])
    .map(({ key, operator, values }) => JSON.stringify([key, operator, [...(values ?? [])].sort()]))
    .sort();
  return JSON.stringify([labels, terms]);
}
