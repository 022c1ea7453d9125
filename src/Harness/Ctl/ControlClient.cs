using System.Net.Sockets;
using System.Text.Json;
using Harness.Results;

namespace Harness.Ctl;

/// <summary>One end of a server's control socket: sends a line, takes lines.</summary>
internal sealed class ControlClient : IDisposable
{
    private readonly string _path;
    private readonly Socket _socket;
    private readonly StreamReader _lines;

    /// <exception cref="HarnessException">Nobody listens there; the message is one line.</exception>
    public ControlClient(string path)
    {
        _path = path;
        _socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            _socket.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (ArgumentException e)
        {
            _socket.Dispose();
            throw new HarnessException(ExitCode.Usage, $"the socket path '{path}' is too long: a Unix socket's path has at most 107 bytes", e);
        }
        catch (SocketException e)
        {
            _socket.Dispose();
            throw new HarnessException(ExitCode.Failed, $"cannot reach a server at '{path}': {WhyNot(path, e)}; a server listens there that was started with --control {path}", e);
        }

        _lines = new StreamReader(new NetworkStream(_socket));
    }

    /// <summary>Asks, and takes the answer.</summary>
    /// <exception cref="HarnessException">The server refuses, with its line; or it is no server of ours.</exception>
    public JsonElement Ask(ControlRequest request)
    {
        Send(request);
        return Take();
    }

    /// <summary>Sends a request without waiting for its answer.</summary>
    public void Send(ControlRequest request)
    {
        try
        {
            _socket.Send([.. JsonSerializer.SerializeToUtf8Bytes(request, ResultsJson.Line.ControlRequest), (byte)'\n']);
        }
        catch (SocketException e)
        {
            throw NoServer(e.Message, e);
        }
    }

    /// <summary>The next line of the answer.</summary>
    /// <exception cref="HarnessException">The server refuses, with its line; or it is no server of ours.</exception>
    public JsonElement Take()
    {
        JsonElement answer;
        try
        {
            using var document = JsonDocument.Parse(_lines.ReadLine() ?? throw new IOException("it closed the connection"));
            answer = document.RootElement.Clone();
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            throw NoServer(e.Message, e);
        }
        catch (JsonException e)
        {
            throw NoServer("it answered what is no line of JSON", e);
        }

        if (answer.ValueKind != JsonValueKind.Object)
        {
            throw NoServer("it answered what is no object of JSON", null);
        }

        if (answer.TryGetProperty("error", out JsonElement error) && error.ValueKind == JsonValueKind.String)
        {
            bool isUsage = answer.TryGetProperty("is_usage", out JsonElement usage) && usage.ValueKind == JsonValueKind.True;
            throw new HarnessException(isUsage ? ExitCode.Usage : ExitCode.Failed, error.GetString()!);
        }

        return answer;
    }

    /// <summary>Ends the connection; a command that goes on with it, as a copy does, ends too.</summary>
    public void Dispose()
    {
        _socket.Dispose();
        _lines.Dispose();
    }

    private static string WhyNot(string path, SocketException e) => e.SocketErrorCode switch
    {
        _ when !File.Exists(path) => "there is no such socket",
        SocketError.ConnectionRefused when Io.Sockets.IsSocketFile(path) => "nobody listens there any more",
        SocketError.ConnectionRefused => "that is no socket",
        _ => e.Message,
    };

    private HarnessException NoServer(string what, Exception? inner) =>
        new(ExitCode.Failed, $"'{_path}' is not the control socket of a harness server: {what}; it is the path after serve --control", inner);
}
