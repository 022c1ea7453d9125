namespace Harness.Nbd;

/// <summary><c>&lt;linux/nbd-netlink.h&gt;</c>, named as in C.</summary>
internal static class NbdNetlink
{
    public const string NBD_GENL_FAMILY_NAME = "nbd";
    public const byte NBD_GENL_VERSION = 1;

    public const byte NBD_CMD_CONNECT = 1;
    public const byte NBD_CMD_DISCONNECT = 2;
    public const byte NBD_CMD_RECONFIGURE = 3;

    public const ushort NBD_ATTR_INDEX = 1;
    public const ushort NBD_ATTR_SIZE_BYTES = 2;
    public const ushort NBD_ATTR_BLOCK_SIZE_BYTES = 3;
    public const ushort NBD_ATTR_TIMEOUT = 4;
    public const ushort NBD_ATTR_SERVER_FLAGS = 5;
    public const ushort NBD_ATTR_SOCKETS = 7;
    public const ushort NBD_ATTR_DEAD_CONN_TIMEOUT = 8;

    public const ushort NBD_SOCK_ITEM = 1;
    public const ushort NBD_SOCK_FD = 1;
}
