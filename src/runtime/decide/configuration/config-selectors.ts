/** Reads label selectors out of configuration. */
import type { LabelSelector, LabelSelectorRequirement } from '../../model/labels.ts';
import type { Field } from './config-field.ts';

const OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;
type Operator = (typeof OPERATORS)[number];

/** A list of selectors; two that say the same are a fault, because one of them was meant to say something else. */
export function readSelectors(list: Field): LabelSelector[] {
  const seen = new Set<string>();
  return list.items().map((item) => {
    const selector = readSelector(item);
    const text = canonicalText(selector);
    if (seen.has(text)) item.invalid('says the same as another selector of this list');
    seen.add(text);
    return selector;
  });
}

export function readSelector(field: Field): LabelSelector {
  field.allowOnly('matchLabels', 'matchExpressions');
  const matchLabels = field.field('matchLabels');
  const matchExpressions = field.field('matchExpressions');
  return {
    ...(matchLabels.absent ? {} : { matchLabels: matchLabels.labels() }),
    ...(matchExpressions.absent ? {} : { matchExpressions: readRequirements(matchExpressions) }),
  };
}

/** All of them must hold, so one that stands twice was meant to say something else. */
function readRequirements(list: Field): LabelSelectorRequirement[] {
  const seen = new Set<string>();
  return list.items().map((item) => {
    const requirement = readRequirement(item);
    const text = requirementText(requirement);
    if (seen.has(text)) item.invalid('says the same as another expression of this selector');
    seen.add(text);
    return requirement;
  });
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
  return JSON.stringify([labels, (selector.matchExpressions ?? []).map(requirementText).sort()]);
}

function requirementText({ key, operator, values }: LabelSelectorRequirement): string {
  return JSON.stringify([key, operator, [...(values ?? [])].sort()]);
}
