/** A command line to copy, and what it does. */
export interface Example {
  readonly does: string;
  readonly line: string;
}

/** By the name of the command; the program itself is `pcmc`. Each of them is run by a test. */
export const examples = {
  pcmc: [
    { does: "See what a PodConfigMapConfig makes of a Pod", line: "pcmc preview -f pcmc.yaml --pod pod.yaml" },
    { does: "Check files before they are applied", line: "pcmc validate -f pcmc.yaml" },
  ],
  manager: [
    {
      does: "On your own machine, against the cluster of a kubeconfig",
      line: "pcmc manager --kubeconfig ~/.kube/config --leader-election-enabled=false",
    },
    {
      does: "For two namespaces only, with logs in JSON",
      line: "WATCH_NAMESPACES=shop,blog pcmc manager --log-format json",
    },
  ],
  agent: [
    {
      does: "On a node, as root, against the cluster of a kubeconfig",
      line: "NODE_NAME=node-1 pcmc agent --kubeconfig ~/.kube/config",
    },
    { does: "Remove all that it has put into the kernel", line: "pcmc agent uninstall" },
  ],
  preview: [
    { does: "The ConfigMap for a Pod of a file", line: "pcmc preview -f pcmc.yaml --pod pod.yaml" },
    {
      does: "For a Pod as it is in a cluster",
      line: "kubectl get pod web-0 -n shop -o yaml | pcmc preview -f pcmc.yaml --pod -",
    },
    {
      does: "For the first Pod of a Deployment, as JSON",
      line: "pcmc preview -f pcmc.yaml --pod deployment.yaml -o json",
    },
    { does: "For all Pods of a namespace", line: "pcmc preview -f pcmc.yaml -n shop" },
    { does: "What applying the file would change there", line: "pcmc preview -f pcmc.yaml -n shop --diff" },
  ],
  validate: [
    { does: "The checks of admission, without a cluster", line: "pcmc validate -f pcmc.yaml" },
    { does: "Of all files of a folder; warnings count as errors", line: "pcmc validate -f manifests/ --strict" },
    { does: "Of what another program prints, for programs", line: "cat pcmc.yaml | pcmc validate -f - -o json" },
  ],
  "who-can-read": [
    { does: "Who can read the logs of a Deployment's Pods", line: "pcmc who-can-read deployment/web -n shop" },
    { does: "The same for programs", line: "pcmc who-can-read deployment/web -n shop -o json" },
  ],
  "logs-kubeconfig": [
    {
      does: "For somebody who should read these logs for eight hours",
      line: "pcmc logs-kubeconfig deployment/web -n shop --ttl 8h > web-logs.kubeconfig",
    },
    {
      does: "And what that allows, as the API server has it",
      line: "pcmc logs-kubeconfig deployment/web -n shop > it && kubectl --kubeconfig it auth can-i --list -n shop",
    },
  ],
  top: [
    { does: "All Pods that node agents look after, anew every two seconds", line: "pcmc top" },
    { does: "Of a namespace, once, for programs", line: "pcmc top -n shop --once -o json" },
    { does: "Of the agent on this machine, without a cluster", line: "pcmc top --agent http://127.0.0.1:8080" },
  ],
  doctor: [
    { does: "What is wrong with the installation, and what to do about it", line: "pcmc doctor" },
    { does: "Of the operator in a namespace, for programs", line: "pcmc doctor -n default -o json" },
  ],
  uninstall: [
    { does: "What would be removed", line: "pcmc uninstall --purge --dry-run" },
    { does: "The operator, without what users made or it made for them", line: "pcmc uninstall --yes" },
    { does: "Everything, definitions and all objects of theirs too", line: "pcmc uninstall --purge --yes" },
  ],
  completion: [
    { does: "In this bash", line: "source <(pcmc completion bash)" },
    { does: "In every zsh whose fpath has this folder", line: "pcmc completion zsh > ~/.zsh/_pcmc" },
    { does: "In every fish", line: "pcmc completion fish > ~/.config/fish/completions/pcmc.fish" },
  ],
  version: [{ does: "Which pcmc this is", line: "pcmc version" }],
} as const satisfies Readonly<Record<string, readonly Example[]>>;

/** The examples of a command as its help shows them, under the name that the program was called by. */
export const examplesText = (command: keyof typeof examples, program: string): string => {
  const lines = examples[command].map(
    ({ does, line }) => `  # ${does}\n  ${line.replace(/(^|\s|\()pcmc(?= )/, (_, before) => `${before}${program}`)}`,
  );
  return `\nExamples:\n${lines.join("\n\n")}\n`;
};
