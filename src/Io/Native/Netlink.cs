namespace Harness.Io.Native;

/// <summary><c>&lt;linux/netlink.h&gt;</c> and <c>&lt;linux/genetlink.h&gt;</c>, named as in C.</summary>
internal static class Netlink
{
    public const int AF_NETLINK = 16;
    public const int SOCK_RAW = 3;
    public const int NETLINK_GENERIC = 16;

    public const ushort NLM_F_REQUEST = 1;
    public const ushort NLM_F_ACK = 4;
    public const ushort NLMSG_ERROR = 2;
    public const ushort NLMSG_DONE = 3;

    // struct nlmsghdr, struct genlmsghdr and struct nlattr.
    public const int NLMSG_HDRLEN = 16;
    public const int GENL_HDRLEN = 4;
    public const int NLA_HDRLEN = 4;
    public const ushort NLA_TYPE_MASK = 0x3FFF;

    public const ushort GENL_ID_CTRL = 16;
    public const byte CTRL_CMD_GETFAMILY = 3;
    public const ushort CTRL_ATTR_FAMILY_ID = 1;
    public const ushort CTRL_ATTR_FAMILY_NAME = 2;
}
