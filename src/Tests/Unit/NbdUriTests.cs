using Harness.Nbd;

namespace Harness.Tests;

/// <summary>NBD URIs: what parses to what, and what is said of the rest.</summary>
public class NbdUriTests
{
    [Theory]
    [InlineData("nbd://localhost", "localhost", 10809, "", "nbd://localhost")]
    [InlineData("nbd://localhost/", "localhost", 10809, "", "nbd://localhost")]
    [InlineData("nbd://localhost:10809/", "localhost", 10809, "", "nbd://localhost")]
    [InlineData("nbd://localhost:/", "localhost", 10809, "", "nbd://localhost")]
    [InlineData("NBD://example.com:1/disk", "example.com", 1, "disk", "nbd://example.com:1/disk")]
    [InlineData("nbd://127.0.0.1:0", "127.0.0.1", 0, "", "nbd://127.0.0.1:0")]
    [InlineData("nbd://h:65535/a", "h", 65535, "a", "nbd://h:65535/a")]
    [InlineData("nbd://h//disk", "h", 10809, "/disk", "nbd://h//disk")]
    [InlineData("nbd://h/a/b", "h", 10809, "a/b", "nbd://h/a/b")]
    [InlineData("nbd://h/hello%20world", "h", 10809, "hello world", "nbd://h/hello%20world")]
    [InlineData("nbd://h/a+b", "h", 10809, "a+b", "nbd://h/a%2Bb")]
    [InlineData("nbd://h/%3F%23%25", "h", 10809, "?#%", "nbd://h/%3F%23%25")]
    [InlineData("nbd://h/gr%C3%B6%c3%9Fe", "h", 10809, "größe", "nbd://h/gr%C3%B6%C3%9Fe")]
    [InlineData("nbd://h/größe%20x", "h", 10809, "größe x", "nbd://h/gr%C3%B6%C3%9Fe%20x")]
    [InlineData("nbd://h/?", "h", 10809, "", "nbd://h")]
    [InlineData("nbd://[::1]", "::1", 10809, "", "nbd://[::1]")]
    [InlineData("nbd://[::1]:/", "::1", 10809, "", "nbd://[::1]")]
    [InlineData("nbd://[2001:db8::7]:99/x", "2001:db8::7", 99, "x", "nbd://[2001:db8::7]:99/x")]
    [InlineData("nbd://[fe80::1%25eth0]/x", "fe80::1%eth0", 10809, "x", "nbd://[fe80::1%25eth0]/x")]
    public void TcpUriParses(string text, string host, int port, string export, string normal)
    {
        Assert.True(NbdUri.TryParse(text, out NbdUri? uri, out string error), error);
        Assert.Equal(string.Empty, error);
        Assert.Equal(new NbdUri { Transport = NbdTransport.Tcp, Host = host, Port = port, ExportName = export }, uri);
        AssertRoundTrip(uri, normal);
    }

    [Theory]
    [InlineData("nbd+unix:///?socket=/tmp/s", "/tmp/s", "", "nbd+unix:///?socket=/tmp/s")]
    [InlineData("nbd+unix://?socket=nbd.sock", "nbd.sock", "", "nbd+unix:///?socket=nbd.sock")]
    [InlineData("nbd+unix:///disk?socket=%2Ftmp%2Fa%26b", "/tmp/a&b", "disk", "nbd+unix:///disk?socket=/tmp/a%26b")]
    [InlineData("nbd+unix:////disk?&socket=/a=b&", "/a=b", "/disk", "nbd+unix:////disk?socket=/a%3Db")]
    [InlineData("nbd+unix:///?socket=/tmp/with%20space?", "/tmp/with space?", "", "nbd+unix:///?socket=/tmp/with%20space%3F")]
    public void UnixUriParses(string text, string socket, string export, string normal)
    {
        Assert.True(NbdUri.TryParse(text, out NbdUri? uri, out string error), error);
        Assert.Equal(new NbdUri { Transport = NbdTransport.Unix, SocketPath = socket, ExportName = export }, uri);
        AssertRoundTrip(uri, normal);
    }

    [Theory]
    [InlineData(null, "is not an NBD URI")]
    [InlineData("", "is not an NBD URI")]
    [InlineData("localhost:10809", "is not an NBD URI; write nbd://host[:port]/export")]
    [InlineData("nbd:localhost:10809", "is not an NBD URI")]
    [InlineData("://h/", "is not an NBD URI")]
    [InlineData("http://h/", "\"http\" is not a scheme")]
    [InlineData("nbd+vsock://2/", "\"nbd+vsock\" is not a scheme")]
    [InlineData("nbds://h/", "TLS is not built in yet; use nbd://")]
    [InlineData("nbds+unix:///?socket=/s", "TLS is not built in yet; use nbd+unix://")]
    [InlineData("nbd://", "names no host")]
    [InlineData("nbd:///export", "names no host")]
    [InlineData("nbd://:10809/", "names no host")]
    [InlineData("nbd://user@h/", "user name")]
    [InlineData("nbd://-oProxyCommand=x/", "not a host name")]
    [InlineData("nbd://-oProxyCommand/", "not a host name")]
    [InlineData("nbd://a b/", "not a host name")]
    [InlineData("nbd://a%00b/", "not a host name")]
    [InlineData("nbd://::1/", "write an IPv6 address in brackets")]
    [InlineData("nbd://[::1/", "closing bracket")]
    [InlineData("nbd://[::1]9/", "cannot follow")]
    [InlineData("nbd://[::1]::9/", "\":9\" is not a port")]
    [InlineData("nbd://[127.0.0.1]/", "not an IPv6 address")]
    [InlineData("nbd://[]/", "not an IPv6 address")]
    [InlineData("nbd://[[::1]/", "not an IPv6 address")]
    [InlineData("nbd://[fe80::1%25]/", "not an IPv6 address")]
    [InlineData("nbd://h:65536/", "\"65536\" is not a port")]
    [InlineData("nbd://h:99999999999/", "is not a port")]
    [InlineData("nbd://h:-1/", "is not a port")]
    [InlineData("nbd://h:nbd/", "is not a port")]
    [InlineData("nbd://h/x#y", "fragment")]
    [InlineData("nbd://h/%", "hexadecimal")]
    [InlineData("nbd://h/%4", "hexadecimal")]
    [InlineData("nbd://h/%zz", "hexadecimal")]
    [InlineData("nbd://h/%+1", "hexadecimal")]
    [InlineData("nbd://h/%ff", "not UTF-8")]
    [InlineData("nbd://h/a%00b", "NUL")]
    [InlineData("nbd://h/?socket=/s", "belongs to nbd+unix")]
    [InlineData("nbd://h/?colour=red", "\"colour\" is not known")]
    [InlineData("nbd://h/?tls-psk-file=x", "leave \"tls-psk-file\" out")]
    [InlineData("nbd+unix:///x", "add ?socket=PATH")]
    [InlineData("nbd+unix:///x?socket=", "add ?socket=PATH")]
    [InlineData("nbd+unix:///x?socket", "add ?socket=PATH")]
    [InlineData("nbd+unix:///x?Socket=/s", "\"Socket\" is not known")]
    [InlineData("nbd+unix:///x?socket=/s&socket=/t", "twice")]
    [InlineData("nbd+unix:///x?socket=/s&colour=red", "\"colour\" is not known")]
    [InlineData("nbd+unix:///x?socket=%00abstract", "abstract sockets")]
    [InlineData("nbd+unix://tmp/x?socket=/s", "write three slashes")]
    public void EveryOtherUriIsRefusedByName(string? text, string expected)
    {
        Assert.False(NbdUri.TryParse(text, out NbdUri? uri, out string error));
        Assert.Null(uri);
        Assert.Contains(expected, error);
        Assert.DoesNotContain('\n', error);
    }

    [Theory]
    [InlineData("nbd://h/a")]
    [InlineData("nbd+unix:///?socket=/a")]
    public void HalfACharacterIsRefused(string before)
    {
        // Put together here, since an attribute keeps its strings in UTF-8, which has no half characters.
        Assert.False(NbdUri.TryParse(before + '\ud800', out _, out string error));
        Assert.Contains("half a character", error);
        Assert.False(NbdUri.TryParse(before + "\ude82\ud83d", out _, out _));
        Assert.True(NbdUri.TryParse(before + "\ud83d\ude82", out _, out _));
    }

    [Fact]
    public void LengthsEndAtTheirLimits()
    {
        Assert.True(NbdUri.TryParse("nbd+unix:///?socket=/" + new string('s', 106), out _, out _));
        Assert.False(NbdUri.TryParse("nbd+unix:///?socket=/" + new string('s', 107), out _, out string error));
        Assert.Contains("108 bytes long; the most is 107", error);
        Assert.True(NbdUri.TryParse("nbd://h/" + new string('n', 4096), out _, out _));
        Assert.False(NbdUri.TryParse("nbd://h/" + new string('n', 4097), out _, out error));
        Assert.Contains("4097 bytes long; the most is 4096", error);
    }

    [Fact]
    public void PortZeroIsForListeningOnly()
    {
        Assert.True(NbdUri.TryParse("nbd://127.0.0.1:0", out NbdUri? listen, out _));
        Assert.False(listen.TryCheckConnectable(out string error));
        Assert.Contains("only for listening", error);
        Assert.True((listen with { Port = 5 }).TryCheckConnectable(out error));
        Assert.Equal(string.Empty, error);
        Assert.True(new NbdUri { Transport = NbdTransport.Unix, SocketPath = "/s" }.TryCheckConnectable(out _));
    }

    private static void AssertRoundTrip(NbdUri uri, string normal)
    {
        Assert.Equal(normal, uri.ToString());
        Assert.True(NbdUri.TryParse(normal, out NbdUri? again, out string error), error);
        Assert.Equal(uri, again);
    }
}
