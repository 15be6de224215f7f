/**
 * Kubernetes label selectors as values. Source: the Kubernetes API conventions for `metav1.LabelSelector`.
 * Fields inside one selector are ANDed; lists of selectors are ORed by whoever holds the list.
 */
export type Labels = Readonly<Record<string, string>>;

export interface LabelSelector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly LabelSelectorRequirement[];
}

export interface LabelSelectorRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values?: readonly string[];
}

/** Whether the labels satisfy every part of the selector; an empty selector matches everything. */
export function selectorMatches(selector: LabelSelector, labels: Labels): boolean {
  const wanted = Object.entries(selector.matchLabels ?? {});
  return (
    wanted.every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value) &&
    (selector.matchExpressions ?? []).every((requirement) => requirementMatches(requirement, labels))
  );
}

/** Whether any of the selectors matches. No selectors at all matches nothing. */
export function anySelectorMatches(selectors: readonly LabelSelector[], labels: Labels): boolean {
  return selectors.some((selector) => selectorMatches(selector, labels));
}

/** The same where a list without selectors means everything. */
export function isSelected(selectors: readonly LabelSelector[], labels: Labels): boolean {
  return selectors.length === 0 || anySelectorMatches(selectors, labels);
}

function requirementMatches(requirement: LabelSelectorRequirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
  switch (requirement.operator) {
    case 'In':
      return value !== undefined && (requirement.values ?? []).includes(value);
    case 'NotIn':
      // Kubernetes: an absent key satisfies NotIn.
      return value === undefined || !(requirement.values ?? []).includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}
