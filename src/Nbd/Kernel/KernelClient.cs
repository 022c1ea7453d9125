using System.Globalization;
using System.Net.Sockets;
using Harness.Io;
using Errno = Harness.Io.Native.Errno;

namespace Harness.Nbd;

/// <summary>
/// The kernel's own NBD client (<c>nbd.ko</c>), told over netlink what to do: a server's export becomes <c>/dev/nbdN</c>. The connections are negotiated here
/// and belong to the kernel from then on, so that the process may end. Needs CAP_SYS_ADMIN. All calls block; any thread may call.
/// </summary>
public static class KernelClient
{
    private const string DevicePrefix = "/dev/nbd";

    /// <summary>The number of <c>/dev/nbdN</c>; null for any other path, a partition's among them.</summary>
    public static uint? DeviceIndex(string device) =>
        device.StartsWith(DevicePrefix, StringComparison.Ordinal)
        && uint.TryParse(device[DevicePrefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out uint index) ? index : null;

    /// <summary>Connects a device to a server.</summary>
    /// <param name="uri">The server and the export.</param>
    /// <param name="index">Which device, see <see cref="DeviceIndex"/>.</param>
    /// <param name="options">How.</param>
    /// <returns>What the server says of the export.</returns>
    /// <exception cref="NbdClientException">The server is not there, refuses, or offers less than the options ask for.</exception>
    /// <exception cref="IoException">The kernel refuses: EBUSY where the device is connected, EPERM without the right, ENOENT without nbd.ko.</exception>
    public static ExportInfo Attach(NbdUri uri, uint index, KernelDeviceOptions options)
    {
        Socket[] sockets = Enter(uri, options, out ExportInfo export);
        try
        {
            NetlinkAttributes request = Named(index, sockets)
                .Add(NbdNetlink.NBD_ATTR_SIZE_BYTES, options.Size ?? export.Size)
                .Add(NbdNetlink.NBD_ATTR_BLOCK_SIZE_BYTES, (ulong)options.BlockBytes)
                .Add(NbdNetlink.NBD_ATTR_SERVER_FLAGS, (ulong)export.Flags);
            Tell(NbdNetlink.NBD_CMD_CONNECT, AddTimes(request, options));
            return export;
        }
        finally
        {
            // The kernel holds its own reference to each.
            Array.ForEach(sockets, socket => socket.Dispose());
        }
    }

    /// <summary>
    /// Gives a connected device new connections in place of those that have died, and its size anew. Requests that wait for a connection go on. Connections
    /// that are not needed, since as many live, are closed again.
    /// </summary>
    /// <inheritdoc cref="Attach"/>
    /// <exception cref="IoException">The kernel refuses: ENOTCONN or EINVAL where the device has no configuration any more.</exception>
    public static ExportInfo Reattach(NbdUri uri, uint index, KernelDeviceOptions options)
    {
        Socket[] sockets = Enter(uri, options, out ExportInfo export);
        try
        {
            Tell(NbdNetlink.NBD_CMD_RECONFIGURE, AddTimes(Named(index, sockets).Add(NbdNetlink.NBD_ATTR_SIZE_BYTES, options.Size ?? export.Size), options));
            return export;
        }
        finally
        {
            Array.ForEach(sockets, socket => socket.Dispose());
        }
    }

    /// <summary>Disconnects a device, in use or not: what is in flight fails.</summary>
    /// <exception cref="IoException">The kernel refuses: it has no such device.</exception>
    public static void Detach(uint index) => Tell(NbdNetlink.NBD_CMD_DISCONNECT, new NetlinkAttributes().Add(NbdNetlink.NBD_ATTR_INDEX, index));

    private static Socket[] Enter(NbdUri uri, KernelDeviceOptions options, out ExportInfo export)
    {
        var sockets = new List<Socket>();
        try
        {
            sockets.Add(BlockingHandshake.Enter(uri, out export));
            Check(uri, options, export);
            while (sockets.Count < options.Connections)
            {
                sockets.Add(BlockingHandshake.Enter(uri, out _));
            }

            return [.. sockets];
        }
        catch
        {
            sockets.ForEach(socket => socket.Dispose());
            throw;
        }
    }

    private static void Check(NbdUri uri, KernelDeviceOptions options, ExportInfo export)
    {
        if (options.Connections > 1 && !export.Flags.HasFlag(TransmissionFlags.CanMultiConn))
        {
            throw new NbdClientException(Errno.EINVAL, $"{uri} does not offer CAN_MULTI_CONN, so {options.Connections} connections could see different data; take one");
        }

        if (options.Size > export.Size)
        {
            throw new NbdClientException(Errno.EINVAL, $"{uri} has {export.Size} bytes, and {options.Size} were asked for");
        }
    }

    private static NetlinkAttributes Named(uint index, Socket[] sockets)
    {
        var items = new NetlinkAttributes();
        foreach (Socket socket in sockets)
        {
            items.Add(NbdNetlink.NBD_SOCK_ITEM, new NetlinkAttributes().Add(NbdNetlink.NBD_SOCK_FD, (uint)socket.Handle));
        }

        return new NetlinkAttributes().Add(NbdNetlink.NBD_ATTR_INDEX, index).Add(NbdNetlink.NBD_ATTR_SOCKETS, items);
    }

    private static NetlinkAttributes AddTimes(NetlinkAttributes request, KernelDeviceOptions options)
    {
        if (options.RequestTimeout is { } answered)
        {
            request.Add(NbdNetlink.NBD_ATTR_TIMEOUT, WholeSeconds(answered));
        }

        if (options.DeadConnectionTimeout is { } dead)
        {
            request.Add(NbdNetlink.NBD_ATTR_DEAD_CONN_TIMEOUT, WholeSeconds(dead));
        }

        return request;
    }

    private static ulong WholeSeconds(TimeSpan time) => (ulong)Math.Ceiling(time.TotalSeconds);

    private static void Tell(byte command, NetlinkAttributes request)
    {
        using var netlink = new GenericNetlink();
        ushort family = netlink.Family(NbdNetlink.NBD_GENL_FAMILY_NAME) ?? throw new IoException("this kernel's NBD client is not there; modprobe nbd", Errno.ENOENT);
        netlink.Call(family, command, NbdNetlink.NBD_GENL_VERSION, request);
    }
}
