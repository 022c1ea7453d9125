using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Harness.Tests;

/// <summary>
/// A mirror that serves a folder over HTTP, and fails as mirrors do: it ends in the middle of a package, goes silent there, or knows no ranges.
/// </summary>
internal sealed class HttpMirror : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly List<string> _asked = [];
    private readonly Task _serving;

    public HttpMirror()
    {
        _listener.Start();
        _serving = Task.Run(ServeAsync);
    }

    public string Address => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/");

    public string Root { get; set; } = "";

    /// <summary>How many bytes of a package go out before its connection ends; null sends all.</summary>
    public int? CutAfter { get; set; }

    /// <summary>Whether such a connection stays open and says nothing more.</summary>
    public bool IsSilent { get; set; }

    public bool KnowsRanges { get; set; } = true;

    /// <summary>From which byte on packages were asked for.</summary>
    public IReadOnlyList<string> Asked
    {
        get
        {
            lock (_asked)
            {
                return [.. _asked];
            }
        }
    }

    public void Dispose()
    {
        _end.Cancel();
        _listener.Stop();
        _serving.GetAwaiter().GetResult();
        _end.Dispose();
    }

    private async Task ServeAsync()
    {
        var served = new List<Task>();
        try
        {
            while (true)
            {
                served.Add(AnswerAsync(await _listener.AcceptTcpClientAsync(_end.Token)));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(served);
        }
    }

    private async Task AnswerAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                await AnswerAsync(client.GetStream());
            }
            catch (Exception e) when (e is OperationCanceledException or IOException)
            {
                // The other side has gone, or the test is over.
            }
        }
    }

    private async Task AnswerAsync(NetworkStream stream)
    {
        using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
        if ((await reader.ReadLineAsync(_end.Token))?.Split(' ') is not [_, var path, ..])
        {
            return;
        }
        int from = 0;
        while (await reader.ReadLineAsync(_end.Token) is { Length: > 0 } field)
        {
            if (KnowsRanges && field.StartsWith("Range: bytes=", StringComparison.OrdinalIgnoreCase))
            {
                from = int.Parse(field["Range: bytes=".Length..].TrimEnd('-'), CultureInfo.InvariantCulture);
            }
        }
        string file = Path.Combine(Root, path.TrimStart('/'));
        if (!File.Exists(file))
        {
            await stream.WriteAsync("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8.ToArray(), _end.Token);
            return;
        }
        byte[] body = (await File.ReadAllBytesAsync(file, _end.Token))[from..];
        string status = from > 0 ? "206 Partial Content" : "200 OK";
        string head = string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 {status}\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n");
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head), _end.Token);
        bool isPackage = path.EndsWith(".deb", StringComparison.Ordinal);
        if (isPackage)
        {
            lock (_asked)
            {
                _asked.Add($"from {from}");
            }
        }
        int cut = isPackage && CutAfter is { } some ? Math.Min(some, body.Length) : body.Length;
        await stream.WriteAsync(body.AsMemory(0, cut), _end.Token);
        if (cut < body.Length && IsSilent)
        {
            await Task.Delay(Timeout.Infinite, _end.Token);
        }
    }
}
