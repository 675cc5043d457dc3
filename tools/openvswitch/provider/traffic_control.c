// SPDX-License-Identifier: Apache-2.0
// The kernel's traffic control, which the packets of our ports do not pass: they are taken out before it, and sent behind it. What
// netdev-linux would set up there for a port has no effect, so it is told (policing, QoS), or not done (offload of flows).
#include <errno.h>

#include "netdev_pollux.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(netdev_pollux_traffic_control);

static void SetWithoutEffect(struct netdev* netdev, bool* flag, bool set, const char* what) {
  struct netdev_pollux* port = netdev_pollux_cast(netdev);
  ovs_mutex_lock(&port->mutex);
  const bool is_new = set && !*flag;
  *flag = set;
  ovs_mutex_unlock(&port->mutex);
  if (is_new) VLOG_INFO("%s: %s has no effect on a port of type=pollux: " POLLUX_METER_HINT, netdev_get_name(netdev), what);
}

static int SetPolicing(struct netdev* netdev, uint32_t kbits_rate, uint32_t kbits_burst, uint32_t kpkts_rate, uint32_t kpkts_burst) {
  SetWithoutEffect(netdev, &netdev_pollux_cast(netdev)->has_policing, kbits_rate != 0 || kpkts_rate != 0, "ingress_policing_rate");
  return netdev_linux_class.set_policing(netdev, kbits_rate, kbits_burst, kpkts_rate, kpkts_burst);
}

static int SetQos(struct netdev* netdev, const char* type, const struct smap* details) {
  SetWithoutEffect(netdev, &netdev_pollux_cast(netdev)->has_qos, type[0] != '\0', "QoS");
  return netdev_linux_class.set_qos(netdev, type, details);
}

// --- Offload of flows ------------------------------------------------------------------------------------------------------------
// With other_config:hw-offload=true the provider of traffic control takes every interface that has a number, and puts an ingress qdisc onto
// it, which stays when the port goes. The linker sends the tree's reference to it here (-Wl,--wrap=netdev_offload_tc). Open vSwitch
// 4.0 asks by kind of datapath, and has neither this header nor the symbol.

#if __has_include("netdev-offload-provider.h")
#include "netdev-offload-provider.h"

extern const struct netdev_flow_api __real_netdev_offload_tc;
extern struct netdev_flow_api __wrap_netdev_offload_tc;
struct netdev_flow_api __wrap_netdev_offload_tc;

static int InitFlowApi(struct netdev* netdev) {
  return netdev_pollux_is(netdev) ? EOPNOTSUPP : __real_netdev_offload_tc.init_flow_api(netdev);
}

static void DeclineFlows(void) {
  __wrap_netdev_offload_tc = __real_netdev_offload_tc;
  __wrap_netdev_offload_tc.init_flow_api = InitFlowApi;
}
#else
static void DeclineFlows(void) {}
#endif

void pollux_stay_out_of_traffic_control(struct netdev_class* class) {
  class->set_policing = SetPolicing;
  class->set_qos = SetQos;
  DeclineFlows();
}
