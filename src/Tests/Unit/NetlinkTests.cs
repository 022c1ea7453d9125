using Harness.Io;

namespace Harness.Tests.Unit;

/// <summary>Messages of generic netlink, and the kernel's answers to them.</summary>
public sealed class NetlinkTests
{
    [Fact]
    public void The_kernel_knows_its_controller_by_name_and_nobody_else()
    {
        using var netlink = new GenericNetlink();
        // <linux/genetlink.h>: GENL_ID_CTRL.
        Assert.Equal((ushort)16, netlink.Family("nlctrl"));
        Assert.Null(netlink.Family("no-such-family"));
        // A family is still found after a refusal: answers are told apart by their numbers.
        Assert.Equal((ushort)16, netlink.Family("nlctrl"));
        Assert.Equal(Io.Native.Errno.EOPNOTSUPP, Assert.Throws<IoException>(() => netlink.Call(16, 250, 1, new NetlinkAttributes())).Errno);
    }

    [Fact]
    public void Attributes_are_found_by_type_and_what_is_cut_short_is_not()
    {
        byte[] bytes = Bytes(new NetlinkAttributes().Add(1, "abc").Add(2, 0x01020304U).Add(7, new NetlinkAttributes().Add(1, 5UL)));
        Assert.Equal(8 + 8 + 16, bytes.Length);
        Assert.Equal("abc\0"u8.ToArray(), NetlinkAttributes.Find(bytes, 1).ToArray());
        Assert.Equal(0x01020304U, BitConverter.ToUInt32(NetlinkAttributes.Find(bytes, 2)));
        Assert.Equal(5UL, BitConverter.ToUInt64(NetlinkAttributes.Find(NetlinkAttributes.Find(bytes, 7), 1)));
        Assert.True(NetlinkAttributes.Find(bytes, 3).IsEmpty);
        for (int length = 0; length < bytes.Length; length++)
        {
            Assert.True(NetlinkAttributes.Find(bytes.AsSpan(0, length), 7).IsEmpty);
        }
        // A length of nothing does not go round for ever.
        Assert.True(NetlinkAttributes.Find(new byte[64], 1).IsEmpty);
    }

    private static byte[] Bytes(NetlinkAttributes attributes)
    {
        byte[] bytes = new byte[attributes.Length];
        attributes.CopyTo(bytes);
        return bytes;
    }
}
