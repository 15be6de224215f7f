/**
 * Every variable that the addon reads. roles/cluster-addon/defaults/main.yml documents each and gives its default;
 * a unit test keeps the two lists and inventory.example/config.yml together.
 */
export const KNOWN_VARIABLES: readonly string[] = [
  'metallb_install',
  'metallb_protocol',
  'metallb_vip_pool',
  'metallb_exclude_addresses',
  'metallb_retention',
  'metallb_quarantine',
  'metallb_pools',
  'metallb_node_subnets',
  'metallb_bgp_my_asn',
  'metallb_peers',
  'metallb_bfd_profiles',
  'metallb_communities',
  'metallb_aggregation_length',
  'metallb_aggregation_length_v6',
  'metallb_local_pref',
  'metallb_ver',
  'metallb_offline',
  'metallb_image_repository',
  'metallb_image_pull_policy',
  'metallb_install_method',
  'metallb_kubeconfig',
  'metallb_helm',
  'metallb_wait_seconds',
  'metallb_loadbalancer_class',
  'metallb_log_level',
  'metallb_controller_replicas',
  'metallb_exclude_interfaces',
  'metallb_speaker_node_selector',
];
