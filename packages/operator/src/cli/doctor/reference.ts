import { CHECKS, SECTIONS, type Section, sectionOf } from "./checks.ts";
import { ruleText } from "./operator-needs.ts";
import { selfNeeds } from "./self-needs.ts";

/** The text of docs/reference/doctor.md. */
export const doctorReference = (): string => [HEAD, ...rightsText(), ...SECTIONS.flatMap(sectionText)].join("\n");

const HEAD = `# pcmc doctor

Generated from \`packages/operator/src/cli/doctor/checks.ts\`.

It looks at a cluster and says what is wrong with the installation, and what to do about it. It changes nothing.

<!-- run by: packages/operator/test/integration/doctor.integration.test.ts -->
\`\`\`sh
pcmc doctor
pcmc doctor -n default -o json
\`\`\`

\`\`\`text
Leader
  ✓ Lease default/podconfigmap-controller-lock is there
  ✗ nobody leads: podconfigmap-controller-7d4b9_1c2e has not renewed the Lease for 42 s more than it holds [leader.alive]
      see above why no replica is ready; a replica that runs and cannot take the Lease says why in its log
\`\`\`

| sign | status in JSON | |
|---|---|---|
| \`✓\` | \`ok\` | |
| \`!\` | \`warning\` | It works, and something is not as meant, or soon will not be |
| \`✗\` | \`failed\` | Something does not work. The line below says what to do |
| \`-\` | \`skipped\` | Not looked at: a right is missing, and the line says which; or the time was up |

Exit code 0: nothing failed; there may be warnings. 1: a check failed. 2: flags are wrong, or the cluster is not reached.

\`-n\` names the operator's namespace; without it the operator is found by its label in all of them, which takes the right to list
Deployments there. \`--timeout\` (30s) is for all checks together: what is not read by then is skipped. Colours are for terminals, and
not with \`NO_COLOR\`.

It reads with up to eight requests at a time, lists in pages, and of the Pods only those of the operator and its agents, and of up to ten
nodes without an agent; and for \`resources.leftovers\` what is said of up to 5,000 Pods in each of up to ten namespaces.

\`-o json\` only ever gets new fields: \`checks[]\` with \`id\` (below), \`section\`, \`status\`, \`message\`, \`remedy\` (empty where nothing is to
be done) and \`docs\` (file and heading that tell more). One check can find several things; one that has nothing to look at is left
out. Ids stay; messages are for people and may change.
`;

const sectionText = (section: Section): readonly string[] => [
  `## ${section.title}\n`,
  ...CHECKS.filter((check) => sectionOf(check) === section).flatMap(({ id, about, todo }) => [
    `### ${id}\n`,
    `${about}\n`,
    `*What to do:* ${todo}\n`,
  ]),
];

/** By place: what takes which rights is known by the checks that are skipped without. */
const rightsText = (): readonly string[] => {
  const all = selfNeeds({ namespace: "its namespace", settings: undefined });
  const here = all.filter(({ namespace }) => namespace !== undefined);
  const list = (some: typeof all) => some.map((each) => `\`${ruleText(each)}\``).join(", ");
  return [
    "## Rights that it takes\n",
    "With fewer it says less, names the right that a skipped check takes, and never fails for it.\n",
    `In the whole cluster: ${list(all.filter((each) => !here.includes(each)))}.\n`,
    `In the operator's namespace: ${list(here)} (a dry run, which stores nothing).\n`,
  ];
};
