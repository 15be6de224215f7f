/** Label selectors as kubectl writes them: "app=web,tier in (a,b),!old". */
import type { LabelSelector, LabelSelectorRequirement, Labels } from '../../model/labels.ts';

export function formatSelector({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const parts = [
    ...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`),
    ...matchExpressions.map(term),
  ];
  return parts.length === 0 ? 'any labels' : parts.join(',');
}

export function formatLabels(labels: Labels): string {
  const parts = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return parts.length === 0 ? 'no labels' : parts.join(',');
}

function term({ key, operator, values = [] }: LabelSelectorRequirement): string {
  switch (operator) {
    case 'In':
      return `${key} in (${values.join(',')})`;
    case 'NotIn':
      return `${key} notin (${values.join(',')})`;
    case 'Exists':
      return key;
    case 'DoesNotExist':
      return `!${key}`;
  }
}
